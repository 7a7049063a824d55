"""What the gateway can do, by method name; each takes the world and a verified call, and gives the answer's fields."""
