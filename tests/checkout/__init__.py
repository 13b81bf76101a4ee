"""What holds of the checkout: linters, generated files, packages."""
