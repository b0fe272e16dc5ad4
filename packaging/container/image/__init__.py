"""Container images of the programs, made without a container engine."""
