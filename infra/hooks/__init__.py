"""Hooks, which azd runs before and after its own steps: python3 dev.py hook NAME.

Each hook may run again at any time: it looks first, and changes only what is not there. It asks
Microsoft Graph and Azure Resource Manager as the person who is signed in to azd.
"""
