"""What several commands share: options, progress, and the files they read and write."""
