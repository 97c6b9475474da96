"""What stands in for Azure on a laptop. Nothing here is deployed, and nothing here imports `shared`."""
