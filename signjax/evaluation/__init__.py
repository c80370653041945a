"""Scorecards of whole systems: rows, tables, plots and report files."""
