"""What integration tests stand on: servers, mr-core, Kafka's side, task documents.

conftest.py turns these into fixtures and says how to write a test.
"""
