"""What a run may use of the machine: resident memory, and how much of it a job is going to take."""
