"""The local stack: it takes the place of Azure on a laptop. Nothing here is deployed, and nothing
here imports `shared`. All packages use the files beside this one.
"""
