"""Runs as jobs of a Kubernetes cluster: see base-job-template.json and the values of Prefect's charts."""
