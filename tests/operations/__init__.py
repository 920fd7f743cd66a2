"""What operators rely on: metrics, dashboards, deployments, documentation."""
