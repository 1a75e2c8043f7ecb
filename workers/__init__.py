"""The job system: the record of jobs, the queue, and those who run them."""
