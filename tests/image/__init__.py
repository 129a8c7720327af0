"""The image: its recipe read as a builder reads it, and carried out without an engine."""
