function [text, code] = DPX_nora(varargin)
%DPX_nora  Run the command nora and give what it prints.
%   TEXT = DPX_nora('-p', 'mri', '--select', 't1*') is an error when nora fails.
%   [TEXT, CODE] = DPX_nora(...) is none when it only found nothing (code 1).
  words = cellfun(@nora_quoted, varargin, 'UniformOutput', false);
  errors = tempname();
  remove = onCleanup(@() nora_remove(errors));
  % MATLAB's own libraries would be loaded by the programs it calls.
  call = ['env -u LD_LIBRARY_PATH -u LD_PRELOAD nora', sprintf(' %s', words{:})];
  [code, text] = system([call, ' 2> ', nora_quoted(errors)]);
  if code > 1 || (code == 1 && nargout < 2)
    said = regexprep(strtrim(fileread(errors)), '^error: ', '');
    if isempty(said)
      said = sprintf('nora ended with code %d', code);
    end
    error('NORA:failed', '%s', said);
  end
end
