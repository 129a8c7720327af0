"""The pages for people: rendered here, readable without JavaScript, from the same documents that programs get."""
