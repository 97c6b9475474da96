"""The local stack: it takes the place of Azure on a laptop. Nothing here is deployed, and nothing
here imports `shared`. The files beside this one are what all packages stand on.
"""
