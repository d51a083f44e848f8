"""What is wrong with the plugin in a folder. Reads files and asks processes of their own; changes nothing."""
