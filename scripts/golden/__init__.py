"""Recipes of small random checkpoints, one file for each family of models."""
