#include "core/config/command_line.hpp"

#include <CLI/CLI.hpp>

#include "core/base/text.hpp"
#include "core/config/options.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

/// What CLI11 fills while parsing, one a row of the table.
struct Given {
  const Option* option = nullptr;
  CLI::Option* parsed = nullptr;
  std::vector<std::string> values;
};

Tree list_of(const std::vector<std::string>& values, const std::string& where) {
  auto list = Tree::list(where);
  for (const auto& value : values) {
    size_t begin = 0;
    while (begin <= value.size()) {
      const auto comma = std::min(value.find(',', begin), value.size());
      if (comma > begin) list.items.push_back(Tree::scalar(value.substr(begin, comma - begin), where));
      begin = comma + 1;
    }
  }
  return list;
}

void add_options(CLI::App& app, std::vector<Given>& given) {
  for (auto& row : given) {
    const Option& option = *row.option;
    std::string names = option.flag();
    for (const auto& alias : option.flag_aliases) names += "," + alias;
    row.parsed = app.add_option(names, row.values);
    if (option.is_boolean()) {
      row.parsed->expected(0, 1);
    } else if (!option.is_list()) {
      row.parsed->expected(1);
    } else {
      row.parsed->allow_extra_args(false);
    }
    row.parsed->multi_option_policy(option.is_list() ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  }
}

std::vector<std::string> known_flags() {
  std::vector<std::string> names{"--config", "--set",     "--check-config",  "--print-config",
                                 "--help",   "--version", "--help-markdown", std::string(api_port_flag)};
  for (const auto& option : options()) {
    names.push_back(option.flag());
    names.insert(names.end(), option.flag_aliases.begin(), option.flag_aliases.end());
  }
  return names;
}

/// The flag that nobody knows, as CLI11 does not tell which names are near it.
[[noreturn]] void fail_unknown(const std::string& argument) {
  const auto name = argument.substr(0, argument.find('='));
  const auto near = base::nearest(name, known_flags());
  std::string text =
      name.starts_with('-') ? "unknown flag " + base::printable(name) : "operond takes no argument \"" + base::printable(argument) + "\"";
  for (size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; did you mean " : i + 1 == near.size() ? " or " : ", ") + near[i];
  throw Error(Code::invalid_argument, text + (near.empty() ? "; operond --help lists all flags" : "?"));
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();
  CommandLine line;
  bool help = false, markdown = false, version = false, check = false, print = false;
  std::vector<std::string> sets;
  std::vector<Given> given(options().size());
  for (size_t i = 0; i < given.size(); ++i) given[i].option = &options()[i];
  app.add_flag("-h,--help", help);
  app.add_flag("--help-markdown", markdown);
  app.add_flag("-V,--version", version);
  app.add_flag("--check-config", check);
  app.add_flag("--print-config", print);
  app.add_option("-c,--config", line.config_file)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--set", sets)->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option(std::string(api_port_flag), line.api_port)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.allow_extras();
  add_options(app, given);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const std::string text = e.what();  // "--listen: 1 required TEXT missing"
    const bool without_value = text.ends_with(" missing") && text.find(" required ") != std::string::npos;
    throw Error(Code::invalid_argument, without_value ? "flag " + text.substr(0, text.find(':')) + " needs a value" : text);
  }
  if (const auto extra = app.remaining(); !extra.empty()) fail_unknown(extra.front());

  for (const auto& row : given) {
    if (row.parsed->count() == 0) continue;
    const std::string where = "flag " + row.option->flag();
    Assignment assignment;
    assignment.path = path_of(row.option->key);
    if (row.option->is_list()) {
      assignment.value = list_of(row.values, where);
    } else {
      const bool bare = row.option->is_boolean() && (row.values.empty() || row.values.back().empty());
      assignment.value = Tree::scalar(bare ? "true" : row.values.back(), where);
    }
    line.flags.push_back(std::move(assignment));
  }
  for (const auto& expression : sets) {
    for (auto& assignment : parse_set(expression, "flag --set")) line.sets.push_back(std::move(assignment));
  }
  line.task = help       ? CommandLine::Task::help
              : markdown ? CommandLine::Task::help_markdown
              : version  ? CommandLine::Task::version
              : check    ? CommandLine::Task::check_config
              : print    ? CommandLine::Task::print_config
                         : CommandLine::Task::serve;
  return line;
}

}  // namespace operon::config
