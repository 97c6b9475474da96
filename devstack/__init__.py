"""What stands in for Azure on a laptop. Nothing here is deployed or imports `shared`."""
