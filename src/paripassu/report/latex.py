"""Text as LaTeX shows it, also by pdflatex, which knows few characters beyond ASCII."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Δ": "Delta", "Λ": "Lambda", "Σ": "Sigma",
}  # fmt: skip
_ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "√": r"$\surd$", "‖": r"$\|$",
    "✓": r"$\checkmark$", "✗": r"$\times$", "—": "--", "≤": r"$\le$", "≥": r"$\ge$",
} | {letter: rf"$\{name}$" for letter, name in _GREEK.items()}  # fmt: skip


def escaped(text: str) -> str:
    r"""Text without a character that LaTeX obeys or does not know.

    Example:
        >>> escaped("50 % at λ = 0")
        '50 \\% at $\\lambda$ = 0'
    """
    return "".join(_ESCAPED.get(character, character) for character in text)
