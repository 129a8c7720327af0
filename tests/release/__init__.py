"""What a release needs: one version, fresh locks, known licences, a bill of materials, safe workflows."""
