#include "reflection.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/support/async_stream.h>

#include <unordered_set>

namespace operon::data_provider {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::ExtensionNumberResponse;
using grpc::reflection::v1alpha::ExtensionRequest;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

const DescriptorPool& pool() {
  return *DescriptorPool::generated_pool();
}

/// `descriptor` itself, when there is one.
template <class Descriptor>
const Descriptor& found(const Descriptor* descriptor, const char* what) {
  if (!descriptor) throw Error(Code::not_found, std::string(what) + " not found.");  // gRPC's words
  return *descriptor;
}

/// The file, then what it imports, each file once.
void add_file(const FileDescriptor& file, FileDescriptorResponse& response, std::unordered_set<const FileDescriptor*>& added) {
  if (!added.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) add_file(*file.dependency(i), response, added);
}

const FileDescriptor& file_of(const ExtensionRequest& asked) {
  const auto& type = found(pool().FindMessageTypeByName(asked.containing_type()), "Type");
  return *found(pool().FindExtensionByNumber(&type, asked.extension_number()), "Extension").file();
}

void add_extensions(const std::string& name, ExtensionNumberResponse& response) {
  std::vector<const google::protobuf::FieldDescriptor*> extensions;
  pool().FindAllExtensions(&found(pool().FindMessageTypeByName(name), "Type"), &extensions);
  for (const auto* extension : extensions) response.add_extension_number(extension->number());
  response.set_base_type_name(name);
}

/// Throws Error for what is the response's error.
void describe(const ServerReflectionRequest& request, const std::vector<std::string>& names, ServerReflectionResponse& response) {
  std::unordered_set<const FileDescriptor*> added;
  const auto add = [&](const FileDescriptor& file) { add_file(file, *response.mutable_file_descriptor_response(), added); };
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      return add(found(pool().FindFileByName(request.file_by_filename()), "File"));
    case ServerReflectionRequest::kFileContainingSymbol:
      return add(found(pool().FindFileContainingSymbol(request.file_containing_symbol()), "Symbol"));
    case ServerReflectionRequest::kFileContainingExtension:
      return add(file_of(request.file_containing_extension()));
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      return add_extensions(request.all_extension_numbers_of_type(), *response.mutable_all_extension_numbers_response());
    case ServerReflectionRequest::kListServices:
      for (const auto& name : names) response.mutable_list_services_response()->add_service()->set_name(name);
      return;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  throw Error(Code::unimplemented, "the request asks for nothing that is known here");
}

}  // namespace

/// A question is read when the answer before is on its way.
class ReflectionService::Stream final : public Rpc {
 public:
  static void wait(ReflectionService& reflection, EventQueue& queue) {
    auto* stream = new Stream(reflection, queue);
    reflection.service_.RequestServerReflectionInfo(&stream->context_, &stream->stream_, queue.get(), queue.get(), stream->begun());
  }

 private:
  Stream(ReflectionService& reflection, EventQueue& queue) : Rpc(queue), reflection_(reflection) {}
  ~Stream() override {
    if (entered_) reflection_.streams_.leave();
  }

  void renew() override { wait(reflection_, queue_); }
  void begin() override {
    try {
      reflection_.streams_.enter();
      entered_ = true;
      stream_.Read(&request_, expect(read_));
    } catch (const Error& e) {
      stream_.Finish(status_of(e), expect(finished_));
    }
  }

  void on_read(bool ok) {
    if (ok) {
      write_answer();
    } else {
      stream_.Finish(grpc::Status::OK, expect(finished_));  // the caller has no more
    }
    handled();
  }
  void write_answer() {
    ServerReflectionResponse response;
    try {
      describe(request_, reflection_.names_, response);
    } catch (const Error& e) {
      response.mutable_error_response()->set_error_code(static_cast<int>(e.code()));
      response.mutable_error_response()->set_error_message(e.what());
    }
    response.set_valid_host(request_.host());
    *response.mutable_original_request() = request_;
    stream_.Write(response, expect(written_));
  }
  void on_written(bool ok) {
    if (ok) stream_.Read(&request_, expect(read_));  // otherwise nobody listens any more, and the end comes by itself
    handled();
  }
  void on_finished(bool) { handled(); }

  ReflectionService& reflection_;
  ServerReflectionRequest request_;
  grpc::ServerAsyncReaderWriter<ServerReflectionResponse, ServerReflectionRequest> stream_{&context_};
  EventOf<Stream> read_{*this, &Stream::on_read}, written_{*this, &Stream::on_written}, finished_{*this, &Stream::on_finished};
  bool entered_ = false;
};

void ReflectionService::serve(EventQueue& queue) {
  Stream::wait(*this, queue);
}

}  // namespace operon::data_provider
