"""Makes the installation whole: `.venv` with its packages, and the node_modules folders.

dev.py runs it before there is a virtual environment, under the Python that somebody typed. So every
module here uses the standard library only and is readable by Python 3.6. Others may use `bootstrap`
(`install`, what it takes and raises, `clean_environment`) and `progress.Progress`.
"""
