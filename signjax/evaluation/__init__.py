"""Scorecards of whole systems: baselines, tables, plots and report files."""
