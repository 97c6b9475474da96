"""python -m devstack.issuer: run the issuer until told to stop."""

from devstack.issuer.server import main

if __name__ == "__main__":
    main()
