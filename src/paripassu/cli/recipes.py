"""``paripassu recipes``: the complete settings that ``paripassu train`` can start from."""

import json
from dataclasses import dataclass
from typing import Annotated

import tyro

from paripassu.cli import output


@dataclass
class Recipes:
    """List every recipe: what it trains, and where its numbers are from."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the recipes with all their settings as JSON."""

    def __call__(self) -> None:
        """Print the table."""
        from paripassu.recipes import RECIPES
        from paripassu.report.terminal_table import TerminalTable

        if self.json:
            recipes = {
                name: {"about": recipe.about, "source": recipe.source, "settings": recipe.run.settings()}
                for name, recipe in RECIPES.items()
            }
            print(json.dumps(recipes, indent=2, ensure_ascii=False))
            return
        columns = ("recipe", "what it trains", "steps", "batch", "source")
        rows = [
            (name, about, f"{run.steps:,}", run.batch, source)
            for name, (about, source, run) in RECIPES.items()
        ]
        output.show(TerminalTable(columns, rows, spaced=True))
        output.line("`paripassu train --recipe NAME --dry-run` prints all settings of one.")
