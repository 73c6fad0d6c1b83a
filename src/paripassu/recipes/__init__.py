"""Complete runs: published settings, and a run as a person changes it."""

from paripassu.recipes.override import Options, override
from paripassu.recipes.published import RECIPES, Recipe

__all__ = ["RECIPES", "Options", "Recipe", "override"]
