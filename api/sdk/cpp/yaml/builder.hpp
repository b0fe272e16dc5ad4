/// yaml/builder.hpp: makes the value from the parser's events. Nothing is made before it is counted, so that an alias bomb costs a limit at
/// most.
#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <map>
#include <string>
#include <vector>

#include "operon/yaml/yaml.hpp"

namespace operon::yaml::detail {

class Builder final : public YAML::EventHandler {
 public:
  Builder(Document& document, const Limits& limits, Scalars scalars) : document_(document), limits_(limits), scalars_(scalars) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override;
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override;
  void OnScalar(const YAML::Mark&, const std::string& tag, YAML::anchor_t, const std::string& value) override;
  void OnSequenceStart(const YAML::Mark&, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override;
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark&, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override;
  void OnMapEnd() override { end(); }

 private:
  struct Size {
    size_t nodes = 0, text_bytes = 0;
  };
  struct Open {
    nlohmann::json value;
    YAML::anchor_t anchor = 0;
    Size before;      ///< what was counted when it began
    std::string key;  ///< of the member whose value comes next
    bool has_key = false;
    size_t pointer_size = 0;  ///< length of `pointer_` without this one's step
  };
  struct Anchored {
    nlohmann::json value;
    Size size;
  };

  [[noreturn]] void fail(const YAML::Mark&, const std::string& what) const;
  void count(const YAML::Mark&, size_t nodes, size_t text_bytes);
  void check_text(const YAML::Mark&, const std::string& text) const;
  bool expects_key() const { return !open_.empty() && open_.back().value.is_object() && !open_.back().has_key; }
  void key(const YAML::Mark&, const std::string& text);
  void begin(const YAML::Mark&, nlohmann::json::value_t, const std::string& tag, YAML::anchor_t);
  void end();
  /// Puts a finished value where it belongs.
  void put(nlohmann::json);
  void remember(YAML::anchor_t, const nlohmann::json&, Size);
  void enter(const YAML::Mark&);  ///< extends `pointer_` by the step of the value that comes, and notes its place
  void leave(size_t pointer_size) { pointer_.resize(pointer_size); }

  Document& document_;
  const Limits& limits_;
  Scalars scalars_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::string pointer_;
  Size size_;
};

}  // namespace operon::yaml::detail
