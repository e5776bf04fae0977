"""The networks and the model that trains them."""
