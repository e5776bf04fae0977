"""What a configuration would train, and how much memory it takes."""


def describe(config):
    return config.to_json()
