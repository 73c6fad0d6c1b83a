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
        from rich.table import Table

        from paripassu.recipes import RECIPES

        if self.json:
            recipes = {
                name: {"about": recipe.about, "source": recipe.source, "settings": recipe.run.settings()}
                for name, recipe in RECIPES.items()
            }
            print(json.dumps(recipes, indent=2, ensure_ascii=False))
            return
        table = Table("recipe", "what it trains", "steps", "batch", "source", show_lines=True)
        for name, (about, source, run) in RECIPES.items():
            table.add_row(name, about, f"{run.steps:,}", str(run.batch), source)
        output.show(table)
        output.line("`paripassu train --recipe NAME --dry-run` prints all settings of one.")
