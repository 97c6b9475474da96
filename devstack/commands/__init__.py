"""The commands of dev.py: what each of them does, and what it prints.

dev.py calls `cli.perform`, and before that `state_option`, which is readable by Python 3.6. Nothing
else imports this package.
"""
