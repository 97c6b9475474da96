"""The WebSockets by which apps get the sound of their calls, and what is said in them."""
