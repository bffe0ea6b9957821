"""The command line: options in, one report out as text or JSON. Nothing below this layer prints."""
