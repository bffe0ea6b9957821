"""The pure core: contexts, descriptors and values as text, without any input or output."""
