"""One description (commands, options, exit codes) rendered as man page, completions and README blocks."""
