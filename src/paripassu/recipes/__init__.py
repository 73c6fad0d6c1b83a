"""Complete runs: published settings, and a run as a person changes it."""

from paripassu.recipes.config import from_config
from paripassu.recipes.override import Options, override
from paripassu.recipes.published import RECIPES, Recipe

__all__ = ["RECIPES", "Options", "Recipe", "from_config", "override"]
