"""The demo at a size of seconds."""

from dataclasses import replace

from paripassu.protocol import Study
from paripassu.protocol.sweeps import RunSweep
from paripassu.studies import custom, demo
from paripassu.theory import Framework


def make_tiny(monkeypatch) -> None:
    """Let the demo's acts take seconds, in this process."""
    sweep = RunSweep(Framework(d=1000), lr_d=1.0, lr_g=0.01, seeds=4, steps=200)
    monkeypatch.setattr("paripassu.studies.demo.FRAMEWORK", custom.run(sweep))
    for name in ("DIGITS", "RING"):
        monkeypatch.setattr(f"paripassu.studies.demo.{name}", _tiny(getattr(demo, name)))
    inline = lambda _, function, tasks: ((task, function(task)) for task in tasks)  # noqa: E731
    monkeypatch.setattr("paripassu.engine.LocalEngine.execute", inline)


def _tiny(study: Study) -> Study:
    scale = study.scale(demo.SCALE)
    games = [
        replace(game, steps={demo.SCALE: 2}, run=_short(game), metric=game.metric.replace("@2500", "@50"))
        for game in scale.design.games
    ]
    design = replace(scale.design, games=games, confirmation_seeds=1)
    return replace(study, scales={demo.SCALE: replace(scale, design=design)})


def _short(game):
    return lambda *given: replace(game.run(*given), eval_samples=50, eval_every=2, batch=8)
