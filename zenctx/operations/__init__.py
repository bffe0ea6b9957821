"""One verb a file: each plans, executes and gives back a report; none prints."""
