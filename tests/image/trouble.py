"""What can be wrong with a Dockerfile, or with carrying it out."""


class DockerfileError(Exception):
    """The Dockerfile says something that is wrong, or that is not understood here."""


class StepFailed(Exception):
    """A step of the build, or the built image, did not do what it should."""


class NotAllowedHere(Exception):
    """This machine does not let us make the private file system that a build needs."""
