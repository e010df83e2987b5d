function health = DPX_demon()
%DPX_demon  Tell whether the service is well. There is no daemon to start: the service runs jobs.
  [text, code] = DPX_nora('status', '--json');
  if isempty(text) || text(1) ~= '{'
    error('NORA:failed', '%s', strtrim(text));
  end
  found = jsondecode(text);
  health = found.status;
  if nargout == 0
    fprintf('The service runs jobs by itself; it says: %s\n', health);
    clear health
  end
end
