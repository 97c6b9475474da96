"""Agents, assignments in ACS, and voice apps."""
