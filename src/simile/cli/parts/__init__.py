"""Shared parts of commands: options, progress, and the files they read and write."""
