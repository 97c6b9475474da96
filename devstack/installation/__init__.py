"""Makes the installation whole: `.venv` with its packages, and the node_modules folders.

dev.py runs it before there is a virtual environment, under whatever Python was typed. Every module
here uses the standard library only and is readable by Python 3.6. Others may use `bootstrap`
(`ready`, `Unable`, `Interrupted`, `clean_environment`) and `progress.Progress`.
"""
