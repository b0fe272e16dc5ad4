#include "core/app/operonctl/registry_choice.hpp"

#include <nlohmann/json.hpp>

#include "core/app/operonctl/terminal.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t credential_bytes_max = 16u << 10;

/// The file's text without the line ends that editors and `echo` leave.
std::string credential(const std::string& file) {
  std::string text = base::read_file(file, credential_bytes_max);
  text.erase(text.find_last_not_of("\r\n") + 1);
  if (text.empty()) throw Error{Code::invalid_argument, file + " is empty"};
  if (!base::is_utf8(text)) throw Error{Code::invalid_argument, file + " is not UTF-8 text"};
  return text;
}

std::string without_scheme(std::string url) {
  if (const auto scheme = url.find("://"); scheme != std::string::npos) url.erase(0, scheme + 3);
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

}  // namespace

void check(const RegistryChoice& choice) {
  const auto need = [](const char* flag, const char* other) {
    throw Error{Code::invalid_argument, std::string(flag) + " needs " + other + " too: both name a private registry"};
  };
  if (choice.url.empty() && !choice.repository.empty()) need("--repository", "--registry-url");
  if (choice.repository.empty() && !choice.url.empty()) need("--registry-url", "--repository");
  if (without_scheme(choice.url).find('@') != std::string::npos)
    throw Error{Code::invalid_argument, "--registry-url must hold no user and password; give --username and --password-file"};
  if (choice.url.rfind("http://", 0) == 0 && !choice.insecure)
    throw Error{Code::invalid_argument, "--registry-url is http://: give --insecure if passwords and images may travel in clear text"};
  if (choice.url.rfind("https://", 0) == 0 && choice.insecure)
    throw Error{Code::invalid_argument,
                "--registry-url is https:// and --insecure means http://: leave one out (--skip-tls takes any certificate)"};
  if (!choice.is_private()) {
    for (const auto& [flag, given] :
         {std::pair{"--username", !choice.username.empty()}, std::pair{"--password-file", !choice.password_file.empty()},
          std::pair{"--registry-token-file", !choice.token_file.empty()}, std::pair{"--insecure", choice.insecure},
          std::pair{"--skip-tls", choice.skip_tls}}) {
      if (given)
        throw Error{Code::invalid_argument, std::string(flag) + " is about a private registry: it needs --registry-url and --repository"};
    }
  }
  if (!choice.password_file.empty() && !choice.token_file.empty())
    throw Error{Code::invalid_argument, "give --password-file or --registry-token-file, not both"};
  if (!choice.password_file.empty() && choice.username.empty()) throw Error{Code::invalid_argument, "--password-file needs --username"};
}

nlohmann::json registry_body(const Settings& s, const RegistryChoice& choice) {
  nlohmann::json body = nlohmann::json::object();
  if (!choice.instance.empty()) body["registry"] = choice.instance;
  if (!choice.is_private()) return body;
  body["registryUrl"] = without_scheme(choice.url);
  body["scenarioRepository"] = choice.repository;
  if (!choice.username.empty()) body["username"] = choice.username;
  if (!choice.token_file.empty()) {
    body["token"] = credential(choice.token_file);
  } else if (!choice.password_file.empty()) {
    body["password"] = credential(choice.password_file);
  } else if (!choice.username.empty()) {
    if (!can_ask(s))
      throw Error{Code::failed_precondition,
                  "--username needs its password: give --password-file FILE (on a terminal operonctl asks for it)"};
    body["password"] = ask_hidden("Password of " + base::printable(choice.username) + " at " + base::printable(choice.url) + ": ");
  }
  if (choice.insecure) body["insecure"] = true;
  if (choice.skip_tls) body["skipTls"] = true;
  return body;
}

std::string image_repository(const RegistryChoice& choice) {
  return without_scheme(choice.url) + "/" + choice.repository;
}

}  // namespace operon::ctl
