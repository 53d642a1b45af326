"""
Reads the regions of AWS once. Every service asks for those that it is in when it is first used, each time with a session
of its own, which would parse the same megabyte of JSON anew.
"""

from localstack.runtime import hooks


@hooks.on_infra_start()
def read_regions_once():
    import boto3
    from localstack.services import stores

    session = boto3.Session()
    others = [
        region
        for partition in session.get_available_partitions()
        if partition != "aws"
        for region in session.get_available_regions("cloudwatch", partition_name=partition)
    ]
    # As localstack.utils.aws.aws_stack.get_valid_regions_for_service does.
    stores.get_valid_regions_for_service = lambda service: session.get_available_regions(service) + others
