"""From a function to an image: the plan, the build context, the Dockerfile and the builders."""
