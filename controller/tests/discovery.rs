//! What any gRPC client relies on: health by name, and reflection in both of its versions.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use support::*;
use tokio_stream::once;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const SERVICES: [&str; 5] = [
    "storewarden.v1.AgentService",
    "storewarden.v1.DeletionService",
    "storewarden.v1.EventService",
    "storewarden.v1.FleetService",
    "storewarden.v1.StoreService",
];

#[tokio::test]
async fn health_is_told_for_the_whole_and_for_each_service() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let mut client = HealthClient::new(running.channel().await);
    for service in SERVICES.into_iter().chain([""]) {
        until(service, || {
            let mut client = client.clone();
            async move {
                let request = HealthCheckRequest { service: service.into() };
                let status = soon(client.check(request)).await.unwrap().into_inner().status();
                (status == ServingStatus::Serving).then_some(())
            }
        })
        .await;
    }
    let unknown = soon(client.check(HealthCheckRequest { service: "nobody".into() })).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    // A watch of health does not keep a controller from stopping.
    let _watch = soon(client.watch(HealthCheckRequest::default())).await.unwrap();
    running.stop().await;
}

macro_rules! reflection_test {
    ($name:ident, $version:ident, $symbol:literal) => {
        #[tokio::test]
        async fn $name() {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            let dir = TestDir::new();
            let running = Running::start(dir.path()).await;
            let mut client = ServerReflectionClient::new(running.channel().await);
            let mut ask = async |message| {
                let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
                let mut answers =
                    soon(client.server_reflection_info(once(request))).await.unwrap().into_inner();
                soon(answers.message()).await.unwrap().unwrap().message_response.unwrap()
            };
            let MessageResponse::ListServicesResponse(listed) =
                ask(MessageRequest::ListServices(String::new())).await
            else {
                panic!("no list of services")
            };
            let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
            for service in SERVICES.into_iter().chain(["grpc.health.v1.Health", $symbol]) {
                assert!(names.contains(&service), "{service} is not among {names:?}");
            }
            let symbol = MessageRequest::FileContainingSymbol("storewarden.v1.TrackRequest".into());
            let MessageResponse::FileDescriptorResponse(found) = ask(symbol).await else {
                panic!("no descriptor")
            };
            assert!(!found.file_descriptor_proto.is_empty());
            running.stop().await;
        }
    };
}

reflection_test!(reflection_v1_is_answered, v1, "grpc.reflection.v1.ServerReflection");
reflection_test!(reflection_v1alpha_is_answered, v1alpha, "grpc.reflection.v1alpha.ServerReflection");
