"""What `cardforge doctor` looks at, a file for each kind of part; `cli.checkup` runs them."""
