function [paths, files] = DPX_selectFiles(varargin)
%DPX_selectFiles  Find files of the current project, as a cell array of absolute paths.
%   DPX_selectFiles('t1*')   DPX_selectFiles('S-0001#LATEST', 'META/*.json')
%   [PATHS, FILES] = ... also gives psid, path, tags and, of JSON, content, as structs in a cell.
  [text, code] = DPX_nora('--select', '--json', varargin{:});  %#ok<ASGLU> code 1: nothing found
  files = nora_cells(jsondecode(text));
  paths = cellfun(@(one) one.absolute_path, files, 'UniformOutput', false);
  files = files(:)';
  paths = paths(:)';
end
