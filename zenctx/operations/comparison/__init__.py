"""How two contexts are compared: what names them, how their values are read, what is told of each difference."""
