"""Installing the gateway as a service: with Docker Compose, on a Swarm, or with systemd."""
