"""AWS as seen from outside leasehold: what the issued keys can do, and which users there are.

Takes the endpoint and the key from the environment as every AWS tool does (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION).

    aws.py setup          make the administrator and the bucket; print the administrator's key
    aws.py get NAME       read an object of the bucket
    aws.py put NAME TEXT  write an object of the bucket
    aws.py users          the IAM users there are, without the administrator
"""

import json
import sys

import boto3
import botocore.exceptions

BUCKET = "reports"
ADMINISTRATOR = "administrator"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def setup():
    """The emulator lets three calls through; from then on it checks every key, signature and policy."""
    iam = boto3.client("iam")
    iam.create_user(UserName=ADMINISTRATOR)
    iam.put_user_policy(UserName=ADMINISTRATOR, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
    key = iam.create_access_key(UserName=ADMINISTRATOR)["AccessKey"]
    pair = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    storage = boto3.client("s3", **pair)
    storage.create_bucket(Bucket=BUCKET)
    storage.put_object(Bucket=BUCKET, Key="monday.txt", Body=b"All is well.")
    print(*pair.values())


def get(name):
    print(boto3.client("s3").get_object(Bucket=BUCKET, Key=name)["Body"].read().decode())


def put(name, text):
    boto3.client("s3").put_object(Bucket=BUCKET, Key=name, Body=text.encode())
    print(f"wrote {name}")


def users():
    for page in boto3.client("iam").get_paginator("list_users").paginate():
        for user in page["Users"]:
            if user["UserName"] != ADMINISTRATOR:
                print(user["UserName"])


try:
    {"setup": setup, "get": get, "put": put, "users": users}[sys.argv[1]](*sys.argv[2:])
except botocore.exceptions.ClientError as error:
    sys.exit(f"AWS refuses: {error.response['Error']['Code']}")
