"""The gateway as a service of an engine, of a cluster, or of the machine: images, files, and putting them there."""
